#!/usr/bin/env bash
# A sharded MongoDB on this machine, words and events in it, half of them on another shard: are the
# answers the same? It needs mongod, mongos, mongosh and everyhit on the path, and an empty folder.
# Where everyhit is made no mongod is to be had: this has not been run there.
#
# To expect:
#   1. for each collection words_*, the key { run: 1, slice: 1 }; for events and candidates the key
#      { run: 1, window: 1 }; and documents of each on both shards;
#   2. SINGLE_SHARD for a question about one slice of a run, which is how windows are read;
#   3. "same answers", and nothing written by the second publish.
set -euo pipefail
folder=$(realpath "${1:?usage: mongodb-cluster.sh FOLDER}")
store=$folder/store port=27100 url=mongodb://127.0.0.1:27100/muons

start() { # NAME PORT PROGRAM OPTIONS...
  mkdir -p "$folder/$1"
  "${@:3}" --port "$2" --bind_ip 127.0.0.1 --fork --logpath "$folder/$1.log" \
    --pidfilepath "$folder/$1.pid" >"$folder/$1.out"
}
end() { for each in "$folder"/*.pid; do kill "$(cat "$each")" || true; done; }
trap end EXIT

for k in 1 2 3; do # 1 keeps the cluster's own data, 2 and 3 are shards
  role=$([ $k = 1 ] && echo --configsvr || echo --shardsvr)
  start "set$k" $((port + k)) mongod "$role" --replSet "set$k" --dbpath "$folder/set$k"
  mongosh --quiet --port $((port + k)) \
    --eval "rs.initiate({_id: 'set$k', members: [{_id: 0, host: '127.0.0.1:$((port + k))'}]})"
done
start mongos $port mongos --configdb "set1/127.0.0.1:$((port + 1))"
mongosh --quiet "$url" --eval "
  sh.addShard('set2/127.0.0.1:$((port + 2))'); sh.addShard('set3/127.0.0.1:$((port + 3))')"

asked() { everyhit query "SELECT layer, count() AS n, sum(t) AS s FROM hits GROUP BY layer ORDER BY layer" \
  --json --store "$store"; }
everyhit demo --duration 10 --json --port 0 --store "$store"
asked >"$folder/before"
everyhit run archive 1 --to "$url" --store "$store"
everyhit run publish 1 --events --to "$url" --store "$store"

mongosh --quiet "$url" --eval '
  const config = db.getSiblingDB("config"), first = config.databases.findOne({_id: "muons"}).primary;
  const other = config.shards.findOne({_id: {$ne: first}})._id;
  for (const name of db.getCollectionNames().filter(n => /^words_|^events$|^candidates$/.test(n))) {
    const key = config.collections.findOne({_id: "muons." + name}).key;
    const half = Math.floor(db[name].countDocuments() / 2);
    const at = db[name].find().sort(key).skip(half).limit(1).next();
    const middle = Object.fromEntries(Object.keys(key).map(each => [each, at[each]]));
    sh.splitAt("muons." + name, middle);
    sh.moveChunk("muons." + name, middle, other);
    print(name, tojson(key), db[name].find(middle).explain().queryPlanner.winningPlan.stage);
    db[name].getShardDistribution();
  }'

asked >"$folder/after"
cmp "$folder/before" "$folder/after" && echo "same answers"
everyhit run publish 1 --events --to "$url" --store "$store" --json

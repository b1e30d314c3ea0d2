// Clocks a compiled design and moves words through its streams. Python calls what is extern "C".
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>
#include <cxxrtl/capi/cxxrtl_capi.h>

extern "C" cxxrtl_toplevel cxxrtl_design_create();

namespace {

struct Port {
  cxxrtl_object *at;
  void set(uint64_t value) {
    at->next[0] = static_cast<uint32_t>(value);
    if (at->width > 32) at->next[1] = static_cast<uint32_t>(value >> 32);
  }
  uint64_t get() const {
    uint64_t low = at->curr[0];
    return at->width > 32 ? low | static_cast<uint64_t>(at->curr[1]) << 32 : low;
  }
};

struct Stream {
  Port payload, valid, ready;
};

struct Source {
  Stream port;
  const uint64_t *words;
  const uint64_t *when;  // the clock at which a word may come, or null
  uint64_t n, at;
  bool offered;
};

// xorshift64: pauses on both sides
bool pauses(uint64_t &state, uint32_t share) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return static_cast<uint32_t>(state) < share;
}

}  // namespace

struct Design {
  cxxrtl_handle handle;
  Port clk;
  uint64_t clock = 0, random = 1;
  std::vector<Source> sources;
  Stream sink;

  Port port(const std::string &name) {
    size_t parts = 0;
    cxxrtl_object *found = cxxrtl_get_parts(handle, name.c_str(), &parts);
    return Port{parts == 1 ? found : nullptr};
  }
  Stream stream(const std::string &name) {
    return {port(name + "__payload"), port(name + "__valid"), port(name + "__ready")};
  }
  void settle() { clk.set(0), cxxrtl_step(handle); }
  void tick() { clk.set(1), cxxrtl_step(handle), ++clock; }
};

extern "C" {

Design *design_new(const char *sink) {
  auto *d = new Design{cxxrtl_create(cxxrtl_design_create())};
  d->clk = d->port("clk");
  d->sink = d->stream(sink);
  return d;
}

void design_delete(Design *d) { cxxrtl_destroy(d->handle), delete d; }

int design_add_source(Design *d, const char *name) {
  Source source{};
  source.port = d->stream(name);
  d->sources.push_back(source);
  return source.port.payload.at && source.port.valid.at && source.port.ready.at;
}

void design_give(Design *d, uint64_t source, const uint64_t *words, const uint64_t *when, uint64_t n) {
  Source &s = d->sources[source];
  s.words = words, s.when = when, s.n = n, s.at = 0, s.offered = false;
}

int design_set(Design *d, const char *name, uint64_t value) {
  Port port = d->port(name);
  if (!port.at || !port.at->next) return 0;
  port.set(value);
  return 1;
}

int design_get(Design *d, const char *name, uint64_t *value) {
  Port port = d->port(name);
  if (!port.at) return 0;
  *value = port.get();
  return 1;
}

void design_tick(Design *d, uint64_t clocks) {
  while (clocks--) d->settle(), d->tick();
  d->settle();
}

uint64_t design_clock(Design *d) { return d->clock; }

// Clocks until `room` words came out, `clocks` went by, or all sources are empty and nothing moved
// for `quiet` clocks. Each side pauses for a share of 2^-32 of its clocks. Returns the words that came.
uint64_t design_run(Design *d, uint64_t *out, uint64_t room, uint64_t clocks, uint64_t quiet,
                    uint32_t idle, uint32_t stall, uint64_t seed) {
  if (seed) d->random = seed;
  uint64_t came = 0, still = 0;
  const uint64_t stop = d->clock + clocks;
  while (came < room && d->clock < stop && still < quiet) {
    bool left = false, moved = false;
    for (Source &s : d->sources) {
      bool due = s.at < s.n && (!s.when || s.when[s.at] <= d->clock);
      s.offered = due && (s.offered || !pauses(d->random, idle));
      s.port.valid.set(s.offered);
      if (s.offered) s.port.payload.set(s.words[s.at]);
      left |= s.at < s.n;
    }
    const bool taking = !pauses(d->random, stall);
    d->sink.ready.set(taking);
    d->settle();
    if (taking && d->sink.valid.get()) out[came++] = d->sink.payload.get(), moved = true;
    for (Source &s : d->sources)
      if (s.offered && s.port.ready.get()) ++s.at, s.offered = false, moved = true;
    d->tick();
    still = left || moved ? 0 : still + 1;
  }
  for (Source &s : d->sources) s.port.valid.set(0);
  d->sink.ready.set(0);
  d->settle();
  return came;
}

}

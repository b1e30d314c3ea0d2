/** The alarms that stand, and who has seen them. */

import { ask } from "../api/ask.js";
import { listen } from "../api/listen.js";
import { inquire } from "../view/dialog.js";
import { el } from "../view/dom.js";
import { utc } from "../view/format.js";
import { panel } from "../view/panel.js";

const FIELDS = "name subject state since message acknowledgedBy comment";
const SEEN = `mutation ($name: String!, $subject: String, $comment: String!) {
  acknowledgeAlarm(name: $name, subject: $subject, comment: $comment) { name } }`;

/** Return a panel that follows the alarms; call `stop()` when it goes. */
export function alarmsPanel(me, wide) {
  const box = panel("Alarms", { wide });
  const stop = listen(`subscription { alarms { ${FIELDS} } }`, {}, ({ alarms }) => draw(alarms), box.fail);
  box.show(el("p", { class: "empty" }, "…"));

  function draw(alarms) {
    box.fail("");
    if (!alarms.length) return box.show(el("p", { class: "state good" }, "No alarm stands."));
    return box.show(alarms.map((alarm) => el("div", { class: "alarm" },
      el("p", { class: `state ${alarm.state === "RAISED" ? "bad" : "warn"}` }, `${alarm.name} ${alarm.subject}`),
      el("p", {}, alarm.message),
      el("p", { class: "hint" }, `since ${utc(alarm.since)}`, alarm.acknowledgedBy && `; seen by ${alarm.acknowledgedBy} ${alarm.comment}`),
      alarm.state === "RAISED" && me.may.includes("acknowledge") && el("button", { class: "small", on: { click: () => acknowledge(alarm) } }, "I have seen it"))));
  }

  async function acknowledge({ name, subject }) {
    await inquire({
      title: `Acknowledge ${name} ${subject}`,
      fields: [{ name: "comment", label: "Who looks after it, and how" }],
      action: "Acknowledge",
      done: ({ comment }) => ask(SEEN, { name, subject, comment }),
    });
  }

  return { element: box.element, stop };
}

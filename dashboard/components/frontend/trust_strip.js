// Verdict and numbers of one map. What a number means is told on hover, focus or tap.

const SIGNS = { good: "✓", caution: "!", bad: "✗", unfinished: "…" };

export default (component) => mount(component, TrustStrip);

class TrustStrip {
  constructor(root) {
    this.strip = root.querySelector(".strip");
    this.verdict = root.querySelector(".verdict");
    this.list = root.querySelector("ul");
    this.help = root.querySelector(".help");
    this.verdict.onclick = () => this.send("opened", true);
  }

  show({ level, verdict, items }) {
    const told = JSON.stringify([level, verdict, items]);
    if (told === this.told) return; // polled: what somebody reads stays open
    this.told = told;
    this.strip.className = `strip ${level}`;
    this.verdict.hidden = !verdict;
    setText(this.verdict, `${SIGNS[level] ?? ""} ${verdict} ›`);
    this.verdict.title = "The whole verdict, with curves";
    this.list.replaceChildren(...items.map((item) => this.entry(item)));
    const open = items.find((item) => item.name === this.open);
    this.explain(open);
  }

  entry(item) {
    const entry = document.createElement("li"), button = document.createElement("button");
    const value = document.createElement("b");
    button.type = "button";
    button.className = item.level ?? "";
    button.title = item.help;
    value.textContent = item.value + (item.level === "bad" ? " ✗" : item.level === "caution" ? " !" : "");
    button.append(`${item.name} `, value);
    button.onclick = () => this.explain(this.open === item.name ? null : item);
    entry.append(button);
    return entry;
  }

  explain(item) {
    this.open = item?.name;
    this.help.hidden = !item;
    setText(this.help, item ? `${item.name}: ${item.help}` : "");
  }
}

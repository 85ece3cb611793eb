// Pairs to rate for whoever reads the page: rating.js shows them, the answers stay in this browser until they are
// downloaded as the file that `sprite-lora review --import` takes.
{
  const held = document.querySelector("#rating-pairs");
  if (held) offer(JSON.parse(held.textContent), document.querySelector(".rate"));
}
function offer({ run, prompts, pairs }, paragraph) {
  const key = `sprite-lora ratings ${run}`;
  const letters = Array.from(crypto.getRandomValues(new Uint8Array(4)), (n) => n.toString(16).padStart(2, "0")).join("");
  let state = { by: `guest-${letters}`, answers: {} };
  let keeps = true;
  try {
    state = { ...state, ...JSON.parse(localStorage.getItem(key) ?? "{}") };
  } catch { keeps = false; }
  const done = [];
  const skipped = new Set();
  const side = (id) => ({ id, src: document.querySelector(`img[data-pixels="${id}"]`).src });
  function keep() {
    try {
      localStorage.setItem(key, JSON.stringify(state));
    } catch { keeps = false; }
  }
  function shown(again) {
    const open = pairs.filter(([first, second]) => !(`${first} ${second}` in state.answers));
    const [first, second, name] = again ?? open.find((pair) => !skipped.has(pair)) ?? open[0] ?? [];
    const rated = pairs.length - open.length;
    const [left, right] = Math.random() < 0.5 ? [first, second] : [second, first];
    return {
      pair: first ? { prompt: prompts[name], left: side(left), right: side(right) } : null,
      status: `${rated} of ${pairs.length} pairs rated.`,
      note: first ? (keeps ? "" : "This browser keeps nothing: download your answers before you close the page.")
        : "You have rated every pair. Download your answers and send them to whoever has the project.",
    };
  }
  const source = {
    next: async () => shown(),
    answer: async ({ left, right }, said) => {
      const pair = pairs.find((each) => each.includes(left.id) && each.includes(right.id));
      const place = `${pair[0]} ${pair[1]}`;
      done.push({ pair, place, before: state.answers[place] });
      if (said === "skip") skipped.add(pair);
      else state.answers[place] = said === "equal" ? said : pair[0] === { left, right }[said].id ? "first" : "second";
      keep();
      return shown();
    },
    undo: async () => {
      const last = done.pop();
      if (!last) return shown();
      skipped.delete(last.pair);
      if (last.before) state.answers[last.place] = last.before;
      else delete state.answers[last.place];
      keep();
      return shown(last.pair);
    },
  };
  const dialog = document.createElement("dialog");
  dialog.className = "rating-dialog";
  dialog.innerHTML = '<div tabindex="-1" autofocus></div><p class="keys"><button type="button">Download the answers</button><button type="button">Close</button></p>';
  document.body.append(dialog);
  const [download, close] = dialog.querySelectorAll(".keys button");
  close.addEventListener("click", () => dialog.close());
  download.addEventListener("click", () => {
    const lines = Object.entries(state.answers).sort().map(([place, better]) => {
      const [first, second] = place.split(" ");
      return `  ${JSON.stringify({ first, second, better, by: state.by })}`;
    });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`{"ratings": [\n${lines.join(",\n")}\n]}\n`], { type: "application/json" }));
    link.download = `ratings-${state.by}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  paragraph.hidden = false;
  paragraph.querySelector("button").addEventListener("click", () => {
    dialog.showModal();
    if (!dialog.querySelector(".rating")) rating(dialog.querySelector("div"), source, () => dialog.open);
  });
}

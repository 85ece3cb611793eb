// Which of two pictures is better? `sprite-lora review`, which keeps the answers, and the report page, which offers them
// as a file, share this. `source` has three functions, each of which promises what to show next:
//   next(), answer(pair, "left" | "right" | "equal" | "skip"), undo()
// It is { pair: { prompt, left, right } or null, status, note }, where left and right are { id, src }.
"use strict";
function rating(place, source, isActive = () => true) {
  place.classList.add("rating");
  place.innerHTML = `
    <p class="rating-prompt"></p>
    <div class="rating-pair">
      <button type="button" data-answer="left"><img alt="Picture on the left"></button>
      <button type="button" data-answer="right"><img alt="Picture on the right"></button>
    </div>
    <div class="rating-answers">
      <button type="button" data-answer="left"><kbd>&larr;</kbd> Left</button>
      <button type="button" data-answer="equal"><kbd>&darr;</kbd> Equal</button>
      <button type="button" data-answer="right">Right <kbd>&rarr;</kbd></button>
      <button type="button" data-answer="skip"><kbd>s</kbd> Skip</button>
      <button type="button" data-answer="undo"><kbd>z</kbd> Undo</button>
    </div>
    <p class="rating-status" role="status"></p>
    <p class="rating-note"></p>`;
  const find = (name) => place.querySelector(name);
  const images = Array.from(place.querySelectorAll("img"));
  let pair = null;
  let busy = false;
  async function show(promised) {
    busy = true;
    place.classList.add("busy");
    try {
      const told = await promised;
      // Both are loaded before either is shown, so that the faster one has no advantage.
      await Promise.all([told.pair?.left, told.pair?.right].filter(Boolean).map(({ src }) => {
        const loaded = new Image();
        loaded.src = src;
        return loaded.decode().catch(() => {
          throw new Error("A picture cannot be shown. Were the pictures drawn anew? Run dvc repro, then start again.");
        });
      }));
      pair = told.pair;
      if (pair) [images[0].src, images[1].src] = [pair.left.src, pair.right.src];
      place.classList.toggle("without-pair", !pair);
      find(".rating-prompt").textContent = pair ? pair.prompt : "";
      find(".rating-status").textContent = told.status;
      find(".rating-note").textContent = told.note;
      place.dataset.turn = 1 + Number(place.dataset.turn ?? 0);
    } catch (error) {
      find(".rating-note").textContent = error.message;
    }
    busy = false;
    place.classList.remove("busy");
  }
  function answer(said) {
    if (busy) return;
    if (said === "undo") show(source.undo());
    else if (pair) show(source.answer(pair, said));
  }
  place.addEventListener("click", (event) => {
    const button = event.target.closest("[data-answer]");
    if (button) answer(button.dataset.answer);
  });
  const keys = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "equal", "=": "equal", e: "equal", s: "skip", z: "undo" };
  document.addEventListener("keydown", (event) => {
    const said = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!said || !isActive() || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (!event.repeat) answer(said);
  });
  show(source.next());
}

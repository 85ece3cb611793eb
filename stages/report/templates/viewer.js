// A nicety: click a picture of the grid (or Enter on it) to see it large; the arrow keys walk to the next prompt
// (left, right) and to the same prompt in the next epoch (up, down). The page is complete without it.
"use strict";
const rows = Array.from(document.querySelectorAll(".grid tbody tr"), (row) => Array.from(row.querySelectorAll("td")));
const dialog = document.createElement("dialog");
dialog.innerHTML = '<img alt=""><p></p><p class="keys">Left and right: prompts. Up and down: epochs. <button type="button">Close</button></p>';
document.body.append(dialog);
const [large, words] = [dialog.querySelector("img"), dialog.querySelector("p")];
let at = [0, 0];
function show(row, column) {
  const small = rows[row]?.[column]?.querySelector("img");
  if (!small) return;
  at = [row, column];
  large.src = small.src;
  large.alt = small.alt;
  words.textContent = small.alt;
  if (!dialog.open) dialog.showModal();
}
rows.forEach((cells, row) => cells.forEach((cell, column) => {
  const image = cell.querySelector("img");
  if (!image) return;
  image.tabIndex = 0;
  image.setAttribute("role", "button");
  image.addEventListener("click", () => show(row, column));
  image.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    show(row, column);
  });
}));
const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
dialog.addEventListener("keydown", (event) => {
  const move = moves[event.key];
  if (!move) return;
  event.preventDefault();
  show(at[0] + move[0], at[1] + move[1]);
});
dialog.querySelector("button").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

async function ask(path, body) {
  const sent = body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
  const reply = await fetch(path, sent).catch(() => {
    throw new Error("No answer: sprite-lora review was stopped. What you rated so far is kept; start it again to go on.");
  });
  if (reply.ok) return reply.json();
  const told = await reply.json().catch(() => ({}));
  throw new Error(told.error ?? `The answer was refused (${reply.status}): load the page again.`);
}
rating(document.querySelector("#rating"), {
  next: () => ask("pair"),
  answer: (pair, said) => ask("answer", { left: pair.left.id, right: pair.right.id, answer: said }),
  undo: () => ask("undo", {}),
});

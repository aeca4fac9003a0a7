// Reloads when a file of the workspace changed; steps with the arrow keys. The page works without it.
const state = document.currentScript.dataset.state;
setInterval(async () => {
  try {
    const answer = await fetch("/preview-files/state");
    if (answer.ok && (await answer.text()) !== state) location.reload();
  } catch {
    // the server was stopped: keep showing what is there
  }
}, 1000);
addEventListener("keydown", (event) => {
  if (event.target.matches("input") || event.altKey || event.ctrlKey || event.metaKey) return;
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const link = rel && document.querySelector(`a[rel=${rel}]`);
  if (link) location.href = link.href;
});

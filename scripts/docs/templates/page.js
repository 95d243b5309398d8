// Draws the diagrams, and unfolds the solutions for who asks for it. Without it all is still told.
(async () => {
  const folds = document.querySelectorAll("details.solution");
  const button = document.getElementById("unfold");
  button.hidden = folds.length === 0;
  button.addEventListener("click", () => {
    const open = ![...folds].every(one => one.open);
    folds.forEach(one => { one.open = open; });
    button.textContent = open ? "Fold all solutions" : "Unfold all solutions";
  });
  const reachable = () => document.querySelectorAll(".picture, .jp-Mermaid, table").forEach(one => {
    if (one.scrollWidth > one.clientWidth) one.tabIndex = 0; // what scrolls does so by keyboard, too
    else one.removeAttribute("tabindex");
  });
  const mermaid = self.labMermaid();
  mermaid.initialize({startOnLoad: false, theme: "neutral", securityLevel: "strict"});
  await mermaid.run({querySelector: "pre.mermaid"});
  reachable();
  addEventListener("resize", reachable);
  document.documentElement.dataset.drawn = "yes";
})();

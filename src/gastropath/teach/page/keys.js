// The keyboard. Keys that a field of the page needs for itself are left to it.

const OWN = { SELECT: /^(Arrow|.$)/, INPUT: /^(Arrow|Home|End|Page| $)/, BUTTON: /^(Enter| )$/, A: /^Enter$/ };

// `actions` has a function for each key; those of arrows are called with the direction, and whether Shift is held.
export function listen(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (OWN[event.target.tagName]?.test(event.key)) return;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (arrow) actions.arrow(...arrow, event.shiftKey);
    else if (/^[1-9]$/.test(event.key)) actions.digit(Number(event.key) - 1);
    else if (event.key in actions.keys) actions.keys[event.key]();
    else return;
    event.preventDefault();
  });
}

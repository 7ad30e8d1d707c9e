// A table that is wider than a phone can be scrolled by keyboard, too. The theme wraps tables when they come into view.
const reach = () => {
  for (const wide of document.querySelectorAll(".md-typeset__scrollwrap")) {
    wide.tabIndex = 0;
  }
};
new MutationObserver(reach).observe(document.body, { childList: true, subtree: true });
reach();

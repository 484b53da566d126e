// What the theme leaves to do for those who read by keyboard or screen reader.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.activeElement.matches(".term")) document.activeElement.blur();
});

function reachable() {  // what scrolls sideways can be scrolled by the keyboard
  for (const wide of document.querySelectorAll("pre, div.output, .table-wrapper")) {
    wide.tabIndex = wide.scrollWidth > wide.clientWidth ? 0 : -1;
  }
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelector(".sidebar-drawer").ariaLabel = "All pages";
  document.querySelector(".toc-drawer").ariaLabel = "On this page";
  reachable();
});
addEventListener("resize", reachable);

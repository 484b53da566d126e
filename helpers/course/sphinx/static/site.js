// What the theme leaves to do for those who read by keyboard or screen reader.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.activeElement.matches(".term")) document.activeElement.blur();
});

function reachable() {  // what scrolls sideways can be scrolled by the keyboard
  for (const wide of document.querySelectorAll("pre, div.output, .table-wrapper")) {
    wide.tabIndex = wide.scrollWidth > wide.clientWidth ? 0 : -1;
  }
}

for (const key in messages[locale]) messages[locale][key] = _(messages[locale][key]);  // of the copy buttons

function place() {  // where one reads, by an id that both languages have
  const above = [...document.querySelectorAll("[id^=place-]")].filter((part) => part.checkVisibility()
    && part.getBoundingClientRect().top <= parseFloat(getComputedStyle(part).scrollMarginTop) + 1);
  return scrollY && above.at(-1)?.id || "";
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelector(".sidebar-drawer").ariaLabel = "All pages";
  document.querySelector(".toc-drawer").ariaLabel = "On this page";
  for (const named of document.querySelectorAll("[aria-label]")) named.ariaLabel = _(named.ariaLabel);
  for (const title of document.querySelectorAll("svg title")) title.textContent = _(title.textContent);
  const other = document.querySelector(".other-language");
  other.addEventListener("click", () => { other.hash = place(); });
  for (const picture of document.querySelectorAll("article img")) {  // on a telephone, its lettering is small
    const whole = document.createElement("a");
    whole.href = picture.src;
    picture.replaceWith(whole);
    whole.append(picture);
  }
  reachable();
});
addEventListener("resize", reachable);

// Runs before the first paint: the theme that a person has chosen, else that of the system.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch { /* storage is off */ }

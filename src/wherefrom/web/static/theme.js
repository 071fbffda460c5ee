// Before anything is painted: the theme that was chosen here before, if one was.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch { /* storage may be forbidden: then the system's choice stands */ }

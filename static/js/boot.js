// @ts-check
// Runs before the first paint, so that a chosen theme never flashes in the other one, and tells the
// server by a cookie in which time zone the pages are read.
(() => {
  try {
    const theme = localStorage.getItem("easel.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; the system's theme is then what shows.
  }
  const zone = encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone);
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `easel_time_zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
})();

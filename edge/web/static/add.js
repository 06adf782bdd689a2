// Files that are dropped or chosen: a list of them, and a word where they are too many or too large.
const form = document.getElementById("add");
if (form) {
  const drop = document.getElementById("drop"), files = document.getElementById("files");
  const chosen = document.getElementById("chosen"), button = form.querySelector("button");
  const most = { bytes: Number(form.dataset.mostBytes), files: Number(form.dataset.mostFiles) };
  const megabytes = (bytes) => `${(bytes / 1048576).toFixed(1)} MB`;

  function show() {
    const list = [...files.files], bytes = list.reduce((sum, file) => sum + file.size, 0);
    const lines = list.map((file) => `${file.name}, ${megabytes(file.size)}`);
    const problem = list.length > most.files ? `These are more than ${most.files} files.`
      : bytes > most.bytes ? `Together they have ${megabytes(bytes)}, more than ${megabytes(most.bytes)}.` : "";
    files.setCustomValidity(problem);
    chosen.replaceChildren(...[...lines, ...(problem ? [problem] : [])].map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
  }

  files.addEventListener("change", show);
  for (const kind of ["dragenter", "dragover"]) drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over-it");
  });
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over-it"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    files.files = event.dataTransfer.files;
    show();
  });
  form.addEventListener("submit", () => { button.disabled = true; button.textContent = "Sending …"; });
  addEventListener("pageshow", () => { button.disabled = false; button.textContent = "Add"; show(); });
}

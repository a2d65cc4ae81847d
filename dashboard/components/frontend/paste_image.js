// A picture pasted anywhere on the page (Ctrl+V) becomes an upload: st.file_uploader of
// Streamlit 1.67 takes files and drops, but no paste.

const LIMIT = 10 * 2 ** 20; // as the uploader; the service checks again
const instances = new WeakMap();

export default function ({ parentElement, setTriggerValue }) {
  let view = instances.get(parentElement);
  if (!view) {
    view = { onPaste: (event) => take(event, view.send) };
    document.addEventListener("paste", view.onPaste);
    instances.set(parentElement, view);
  }
  view.send = setTriggerValue;
  return () => document.removeEventListener("paste", view.onPaste);
}

async function take(event, send) {
  const file = [...(event.clipboardData?.files ?? [])].find((f) => f.type.startsWith("image/"));
  if (!file) return; // text into a search field, for example
  event.preventDefault();
  if (file.size > LIMIT) {
    send("pasted", { error: "The pasted picture is larger than 10 MB." });
    return;
  }
  const reader = new FileReader();
  reader.onload = () => send("pasted", { data: reader.result.split(",", 2)[1] });
  reader.readAsDataURL(file);
}

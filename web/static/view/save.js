/** Hands a file to whoever sits here: an export, or a drawing as SVG or PNG. */

import { download } from "../api/ask.js";
import { el } from "./dom.js";

/**
 * Save an export of the server.
 * @param {string} address relative to the page
 * @param {string} name of the file
 */
export async function saveExport(address, name) {
  save(await download(address), name);
}

/** Save an SVG element as it is. */
export function saveSvg(drawing, name) {
  save(packed(drawing), `${name}.svg`);
}

/** Save an SVG element as pixels, twice as fine as it is drawn. */
export async function savePng(drawing, name) {
  const address = URL.createObjectURL(packed(drawing));
  try {
    const picture = new Image();
    picture.src = address;
    await picture.decode();
    const { width, height } = drawing.viewBox.baseVal;
    const canvas = el("canvas", { width: 2 * width, height: 2 * height });
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    save(await new Promise((done) => canvas.toBlob(done, "image/png")), `${name}.png`);
  } finally {
    URL.revokeObjectURL(address);
  }
}

function packed(drawing) {
  const own = drawing.cloneNode(true);
  const { width, height } = drawing.viewBox.baseVal;
  own.setAttribute("width", width);
  own.setAttribute("height", height);
  return new Blob([new XMLSerializer().serializeToString(own)], { type: "image/svg+xml" });
}

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = el("a", { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

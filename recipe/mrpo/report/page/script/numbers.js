// Numbers as the pages write them.

export function share(value, digits = 1) {
  return value === null || value === undefined ? "–" : `${(100 * value).toFixed(digits)} %`;
}

export function decimal(value, digits = 2) {
  return value === null || value === undefined ? "–" : Number(value).toFixed(digits);
}

export function signed(value, digits = 2) {
  if (value === null || value === undefined) return "–";
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
}

export function whole(value) {
  return value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en-GB").replace(/,/g, "\u202f");
}

// A name from a file where there is little room.
export function brief(text, characters = 60) {
  const name = String(text);
  return name.length <= characters ? name : `${name.slice(0, characters - 1)}…`;
}

export function plural(value, one, many = `${one}s`) {
  return `${whole(value)} ${value === 1 ? one : many}`;
}

export function interval(figure, digits = 1) {
  if (!figure || figure.low === null || figure.low === undefined) return "no interval";
  return `${(100 * figure.low).toFixed(digits)} – ${(100 * figure.high).toFixed(digits)}`;
}

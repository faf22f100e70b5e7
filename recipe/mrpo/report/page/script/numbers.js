// Numbers as the pages write them: rounded as `mrpo score` rounds them.

// A tie goes to the even digit, as in Python: 31.25 is 31.2, where toFixed says 31.3.
function fixed(value, digits) {
  const text = value.toFixed(digits);
  const exact = value.toFixed(60);
  const rest = exact.slice(exact.indexOf(".") + 1 + digits);
  if (!/^50*$/.test(rest) || Number(text.at(-1)) % 2 === 0) return text;
  return exact.slice(0, exact.indexOf(".") + (digits ? 1 + digits : 0));
}

export function share(value, digits = 1) {
  return value === null || value === undefined ? "–" : `${fixed(100 * value, digits)} %`;
}

export function decimal(value, digits = 2) {
  return value === null || value === undefined ? "–" : fixed(Number(value), digits);
}

export function signed(value, digits = 2) {
  if (value === null || value === undefined) return "–";
  return `${value < 0 ? "−" : "+"}${fixed(Math.abs(value), digits)}`;
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
  return `${fixed(100 * figure.low, digits)} – ${fixed(100 * figure.high, digits)}`;
}

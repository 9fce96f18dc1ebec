/** How the host wants the page to look. What is no theme or no colour changes nothing. */
export interface Look {
  readonly theme?: unknown;
  readonly color?: unknown;
}

const THEMES = ["light", "dark"];
/** Of the grounds of both themes those with the least contrast (--raised in style.css). */
const GROUNDS = { light: "#f3f3f0", dark: "#202328" };
/** By WCAG 2.2, for texts. */
const CONTRAST_MIN = 4.5;
const STEPS = 20;

export function wear({ theme, color }: Look): void {
  const { classList, style } = document.documentElement;
  if (typeof theme === "string") {
    for (const each of THEMES) classList.toggle(`theme-${each}`, each === theme);
  }
  if (typeof color === "string" && /^#[0-9a-f]{6}$/i.test(color)) {
    const [light, dark] = [readable(color, GROUNDS.light, 0), readable(color, GROUNDS.dark, 255)];
    style.setProperty("--link", `light-dark(${light}, ${dark})`);
  }
}

/** The colour, or the nearest one on its way to black or white that can be read on the ground. */
export function readable(color: string, ground: string, towards: 0 | 255): string {
  const parts = partsOf(color);
  for (let step = 0; step < STEPS; step += 1) {
    const mixed = parts.map((part) => Math.round(part + ((towards - part) * step) / STEPS));
    if (contrast(mixed, partsOf(ground)) >= CONTRAST_MIN) {
      return `#${mixed.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
    }
  }
  return towards === 0 ? "#000000" : "#ffffff";
}

function partsOf(color: string): readonly number[] {
  return [1, 3, 5].map((place) => Number.parseInt(color.slice(place, place + 2), 16));
}

function contrast(one: readonly number[], other: readonly number[]): number {
  const [high = 0, low = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

function luminance(parts: readonly number[]): number {
  const [red = 0, green = 0, blue = 0] = parts.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

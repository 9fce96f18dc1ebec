import { signal } from "@preact/signals";
import { zone } from "../shown.ts";

/** The time that ages are counted from: once a second for the whole page. */
export const nowMs = signal(Date.now());

setInterval(() => {
  if (document.visibilityState === "visible") nowMs.value = Date.now();
}, 1_000);

/** A time as its distance from now, and exactly in the title. Nothing for null. */
export function Time({ at }: { readonly at: string | null | undefined }) {
  if (at === null || at === undefined) {
    return null;
  }
  const awayMs = nowMs.value - Date.parse(at);
  const text =
    Math.abs(awayMs) < 1_000 ? "now" : awayMs < 0 ? `in ${durationText(-awayMs)}` : `${durationText(awayMs)} ago`;
  return (
    <time dateTime={at} title={exactTime(at)}>
      {text}
    </time>
  );
}

/** A time as a clock shows it. */
export function Clock({ at }: { readonly at: string }) {
  return (
    <time dateTime={at} title={`${exactTime(at)}, ${durationText(Math.max(0, nowMs.value - Date.parse(at)))} ago`}>
      {exactTime(at)}
    </time>
  );
}

export function exactTime(iso: string): string {
  const at = new Date(iso);
  if (zone.value === "UTC") {
    return `${at.toISOString().slice(0, 10)} ${at.toISOString().slice(11, 23)} UTC`;
  }
  const two = (part: number): string => String(part).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${day} ${clock}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** Two digits are enough for a person: 850 ms, 2.1 s, 5 min, 2 h, 3 d. */
export function durationText(ms: number): string {
  const seconds = ms / 1_000;
  if (seconds < 1) return `${Math.round(ms)} ms`;
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}

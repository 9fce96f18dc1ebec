import {
  type Axis,
  anchorAt,
  type DrawnAttempt,
  type DrawnLane,
  drawJourney,
  LABELLED_SHARE_MIN,
  labelledOf,
  spanOf,
} from "./journeyAxis.ts";

/** What a picture of a journey shows, in texts: it is looked at where there is no page. */
export interface PicturedJourney {
  readonly title: string;
  readonly insertedAt: string;
  readonly lanes: readonly PicturedLane[];
  readonly nowMs: number;
  /** How times and durations are written. */
  timeText(iso: string): string;
  durationText(ms: number): string;
}

export interface PicturedLane extends DrawnLane {
  /** The endpoint and its state. */
  readonly head: string;
  readonly why: string;
  readonly attempts: readonly PicturedAttempt[];
}

export interface PicturedAttempt extends DrawnAttempt {
  readonly hasFailed: boolean;
  readonly answer: string;
}

const WIDTH = 960;
const EDGE = 16;
const TOP = 70;
const LANE = 96;
/** A longer text would leave the picture. */
const TEXT_CHARS_MAX = 150;
const TEXT = "#1d1f22";
const FAINT = "#595c62";
const LINE = "#d4d4ce";
const GOOD = "#1a6b3c";
const BAD = "#a81f1f";
const WAIT = "#7a4d00";

/** Where everything has its place. */
interface Frame {
  readonly axis: Axis;
  readonly insertedMs: number;
  timeText(iso: string): string;
}

function x(place: number): number {
  return Math.round(EDGE + place * (WIDTH - 2 * EDGE));
}

/** The journey as a file of its own. What receivers and people wrote is text in it, whatever it is. */
export function journeySvg({ title, insertedAt, lanes, nowMs, timeText, durationText }: PicturedJourney): string {
  const insertedMs = Date.parse(insertedAt);
  const { axis, isOver } = drawJourney(insertedMs, lanes, nowMs);
  const frame = { axis, insertedMs, timeText };
  const gaps = axis.gaps
    .filter(({ begins, ends }) => ends - begins >= LABELLED_SHARE_MIN)
    .map(({ fromMs, toMs, begins, ends, isFolded }) => {
      const length = durationText(toMs - fromMs);
      return textAt(x((begins + ends) / 2), TOP - 8, FAINT, isFolded ? `⋯ ${length} ⋯` : length, "middle");
    });
  const height = TOP + lanes.length * LANE + EDGE;
  const now = x(axis.at(nowMs));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    textAt(EDGE, 22, TEXT, title, "start", 16),
    textAt(EDGE, 42, FAINT, `inserted ${timeText(insertedAt)}`),
    ...gaps,
    ...lanes.flatMap((lane, index) => laneParts(lane, TOP + index * LANE, frame)),
    ...(isOver ? [] : [lineAt(now, TOP, now, height - EDGE, FAINT), textAt(now, TOP - 20, FAINT, "now", "middle")]),
    "</svg>",
    "",
  ].join("\n");
}

function laneParts({ head, why, attempts, marks, nextAt }: PicturedLane, top: number, frame: Frame): readonly string[] {
  const y = top + 62;
  return [
    textAt(EDGE, top + 16, TEXT, head, "start", 13),
    textAt(EDGE, top + 32, FAINT, why),
    lineAt(EDGE, y, WIDTH - EDGE, y, LINE),
    `<circle cx="${EDGE}" cy="${y}" r="4" fill="${TEXT}"/>`,
    ...attemptParts(attempts, y, frame),
    ...marks.map(({ atMs, text }) => {
      const place = frame.axis.at(atMs);
      return lineAt(x(place), y - 8, x(place), y + 12, TEXT) + textAt(x(place), y + 24, TEXT, text, anchorAt(place));
    }),
    nextAt === null ? "" : nextPart(nextAt, y, frame),
  ];
}

function attemptParts(attempts: readonly PicturedAttempt[], y: number, { axis, insertedMs }: Frame): readonly string[] {
  const spans = attempts.map((attempt) => spanOf(attempt, insertedMs));
  const labelled = labelledOf(spans.map(({ fromMs }) => axis.at(fromMs)));
  return spans.map(({ fromMs, toMs }, place) => {
    const { hasFailed = false, answer = "" } = attempts[place] ?? {};
    const [from, to] = [x(axis.at(fromMs)), x(axis.at(toMs))];
    const colour = hasFailed ? BAD : GOOD;
    const bar = `<rect x="${from}" y="${y - 6}" width="${Math.max(4, to - from)}" height="12" rx="2" fill="${colour}"/>`;
    return labelled.has(place) ? bar + textAt(from, y - 11, colour, answer) : bar;
  });
}

function nextPart(nextAt: string, y: number, { axis, timeText }: Frame): string {
  const next = axis.at(Date.parse(nextAt));
  const circle = `<circle cx="${x(next)}" cy="${y}" r="5" fill="#fff" stroke="${WAIT}" stroke-width="2"/>`;
  return circle + textAt(x(next), y - 11, WAIT, `next ${timeText(nextAt)}`, anchorAt(next));
}

function lineAt(x1: number, y1: number, x2: number, y2: number, colour: string): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${colour}" stroke-width="2"/>`;
}

function textAt(
  x: number,
  y: number,
  colour: string,
  text: string,
  anchor: "start" | "middle" | "end" = "start",
  size = 12,
): string {
  const shown = text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text;
  return `<text x="${x}" y="${y}" fill="${colour}" text-anchor="${anchor}" font-size="${size}">${escaped(shown)}</text>`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** As XML has it, which has no control characters, no halves of a character, and here none that turn the direction. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu, "\ufffd")
    .replaceAll(/[&<>]/g, (sign) => ENTITIES[sign] ?? sign);
}

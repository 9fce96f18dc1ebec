/** The longest body of a format whose bodies are longer than their payloads. */
export const BODY_BYTES_MAX = 64 * 1_048_576;

/** Characters that are gathered before they become bytes. */
const PIECE_CHARS = 32_768;

/**
 * A body that is written bit by bit. Its text becomes bytes a piece at a time: a long one would be in memory twice, and as
 * strings of strings several times.
 */
export interface BodyText {
  text: string;
  bytes: number;
  readonly pieces: Buffer[];
}

export function newBody(head: string): BodyText {
  return { text: head, bytes: 0, pieces: [] };
}

/** False if the body has become longer than BODY_BYTES_MAX, so that there is no use in writing on. */
export function append(body: BodyText, text: string): boolean {
  if (text.length >= PIECE_CHARS) {
    // By itself: joined to the text before it, it would be copied once more.
    flush(body);
    body.text = text;
    flush(body);
  } else {
    body.text += text;
    if (body.text.length >= PIECE_CHARS) {
      flush(body);
    }
  }
  return body.bytes <= BODY_BYTES_MAX;
}

/** The whole body; null if it is longer than BODY_BYTES_MAX. */
export function finish(body: BodyText): Buffer | null {
  if (body.bytes === 0) {
    return Buffer.from(body.text);
  }
  flush(body);
  return body.bytes <= BODY_BYTES_MAX ? Buffer.concat(body.pieces, body.bytes) : null;
}

function flush(body: BodyText): void {
  const piece = Buffer.from(body.text);
  body.text = "";
  body.bytes += piece.length;
  if (body.bytes <= BODY_BYTES_MAX) {
    body.pieces.push(piece);
  } else {
    body.pieces.length = 0;
  }
}

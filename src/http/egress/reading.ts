/** Hears of so many bytes, which are overwritten after the call. Returns true, because the socket would pause otherwise. */
export type OnRead = (length: number, bytes: Uint8Array) => boolean;

/**
 * What every socket reads into: the bytes are given to its `OnRead` in the same turn, before another read. A buffer a read
 * would cost a request a microsecond, and one a socket 64 KiB.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);

/** The options of a socket that reads. They are documented for tls.connect too, although its types do not know them. */
export function readingBy(callback: OnRead): {
  readonly onread: { readonly buffer: Buffer; readonly callback: OnRead };
} {
  return { onread: { buffer: READ_BUFFER, callback } };
}

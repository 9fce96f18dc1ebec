/**
 * To be imported before libxml2-wasm, which reads texts of more than 16 bytes with a decoder that takes U+FEFF away from
 * their beginning. In the middle of a document it is a character like any other.
 */
globalThis.TextDecoder = class extends TextDecoder {
  constructor(...[encoding, options]: ConstructorParameters<typeof TextDecoder>) {
    super(encoding, { ...options, ignoreBOM: true });
  }
};

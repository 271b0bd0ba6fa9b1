// Node 18 has no global `crypto`; this is all that the tests need of Node's types.
declare module 'node:crypto' {
  export const webcrypto: Crypto;
}

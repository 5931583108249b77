import { webcrypto } from 'node:crypto';

// Debian 12's Node does not have it without asking; every browser does.
globalThis.crypto ??= webcrypto as Crypto;

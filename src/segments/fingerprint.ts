/**
 * 64-bit fingerprints of the keys that an index is searched by. Two keys may share one, so whatever is found is compared
 * with the key itself before it counts; that nothing is found proves that the key is not there.
 */

/** What a key names; the same text as a stream and as a commit id has two fingerprints. */
export const KeyKind = { stream: 1, commit: 2, claim: 3 } as const
export type KeyKind = (typeof KeyKind)[keyof typeof KeyKind]

/** Two 32-bit halves, each a multiplicative hash of the UTF-16 code units with its own constants, mixed at the end. */
export function fingerprint(kind: KeyKind, key: string): { high: number; low: number } {
  let high = 0x9e3779b1 ^ kind
  let low = 0x85ebca77 ^ Math.imul(kind, 0xc2b2ae3d)
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i)
    high = Math.imul(high ^ unit, 0x27d4eb2f)
    low = Math.imul(low ^ unit, 0x165667b1)
    high ^= high >>> 15
  }
  high = Math.imul(high ^ (low >>> 16), 0x85ebca77)
  low = Math.imul(low ^ (high >>> 13), 0x9e3779b1)
  return { high: (high ^ (low >>> 15)) >>> 0, low: (low ^ (high >>> 16)) >>> 0 }
}

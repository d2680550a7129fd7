/**
 * Short texts that come again and again, such as the names of types and streams: found by their bytes, so that no new text is made. What is
 * kept is bounded, and only ever saves work.
 */

const SLOTS = 1 << 11
const LONGEST = 64

const words = new Array<string>(SLOTS).fill('')

/** The text that bytes hold in UTF-8. */
export function word(bytes: Buffer, start: number, end: number): string {
  const length = end - start
  if (length > LONGEST) return bytes.toString('utf8', start, end)
  let hash = length
  for (let i = start; i < end; i++) hash = (hash * 31 + (bytes[i] as number)) | 0
  const slot = hash & (SLOTS - 1)
  const known = words[slot] as string
  if (known.length === length && isSame(known, bytes, start)) return known
  return (words[slot] = bytes.toString('utf8', start, end))
}

/** Whether a text of as many units as there are bytes is written so: then every unit is one byte. */
function isSame(text: string, bytes: Buffer, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false
  return true
}

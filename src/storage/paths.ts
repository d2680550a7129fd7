/** Where everything lies in a journal's directory. Names are made of numbers only. */
import { join } from 'node:path'

/** The disk format this program writes. */
export const FORMAT = 1

export interface SegmentName {
  number: number
  /** Position of the first event it may hold. */
  first: number
  /** File name, as reported. */
  name: string
}

export class Paths {
  readonly root: string
  readonly format: string
  readonly lock: string
  readonly head: string
  readonly journal: string
  readonly quarantine: string

  constructor(root: string) {
    this.root = root
    this.format = join(root, 'FORMAT')
    this.lock = join(root, 'LOCK')
    this.head = join(root, 'head')
    this.journal = join(root, 'journal')
    this.quarantine = join(root, 'quarantine')
  }

  segment({ name }: SegmentName): string {
    return join(this.journal, name)
  }

  index({ name }: SegmentName): string {
    return join(this.journal, name.replace(/seg$/, 'idx'))
  }

  epoch(epoch: number): string {
    return join(this.root, epochName(epoch))
  }
}

export function epochName(epoch: number): string {
  return `epoch-${String(epoch).padStart(8, '0')}`
}

export function parseEpoch(name: string): number | undefined {
  const match = /^epoch-(\d{8,15})$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

export function segmentName(number: number, first: number): SegmentName {
  return { number, first, name: `${String(number).padStart(8, '0')}-${String(first).padStart(12, '0')}.seg` }
}

export function parseSegment(name: string): SegmentName | undefined {
  const match = /^(\d{8,15})-(\d{12,16})\.seg$/.exec(name)
  const first = Number(match?.[2])
  return match === null || !Number.isSafeInteger(first) ? undefined : { number: Number(match[1]), first, name }
}

/** The name or path under which a segment lies packed. */
export function packedOf(segment: string): string {
  return `${segment}z`
}

/** Of which segment a file is the packed form. */
export function parsePacked(name: string): SegmentName | undefined {
  return name.endsWith('z') ? parseSegment(name.slice(0, -1)) : undefined
}

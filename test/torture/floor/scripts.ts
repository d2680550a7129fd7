/** What a caller of the storage floor does, as a line of letters. Small ones, because crashes only matter around syncs. */

export const STEPS = {
  a: 'append one small event',
  A: 'append some kilobytes',
  B: 'append more than is prepared ahead',
  t: 'append three commits together',
  e: 'append one commit of five events',
  s: 'append one that only the operating system gets',
  p: 'begin to append and do not wait',
  n: 'vouch for a snapshot',
  f: 'flush',
  i: 'be idle, so that a mark is written',
  c: 'close',
  u: 'close without a clean end',
  k: 'die',
  o: 'open again',
} as const

export type Step = keyof typeof STEPS

export interface Script {
  steps: string
  segmentBytes: number
  sectorBytes: number
  compress?: true
  groupBytes?: number
}

const LARGE = 8192
const SMALL = 700

/** The canonical scripts: each way through the floor once, and what comes before and behind it. */
export const scripts: readonly Script[] = [
  ...['', 'c', 'a', 'ac', 'aa', 'A', 'B', 'Ba', 't', 'e', 's', 'sa', 'pp', 'ppc', 'pu', 'ai', 'aia', 'an', 'anac', 'af', 'sf', 'tic'].map(
    (steps) => ({ steps, segmentBytes: LARGE, sectorBytes: 8 }),
  ),
  ...['aco', 'acoa', 'acoac', 'aocoa', 'ako', 'akoa', 'akoako', 'aioka', 'auoa', 'Akoa', 'tkoa', 'sko', 'pko'].map((steps) => ({
    steps,
    segmentBytes: LARGE,
    sectorBytes: 8,
  })),
  ...['aaa', 'aaaaac', 'aaaka', 'aaakoaa', 'ttk', 'nananc', 'AAAco', 'eeekoe', 'ssssa', 'aaacoaakoa'].map((steps) => ({
    steps,
    segmentBytes: SMALL,
    sectorBytes: 8,
  })),
  ...['aa', 'aAa', 'akoa', 'taic'].map((steps) => ({ steps, segmentBytes: LARGE, sectorBytes: 4096 })),
  ...['aaakoa', 'tAac'].map((steps) => ({ steps, segmentBytes: SMALL, sectorBytes: 512 })),
  ...['aaafaac', 'ttiao', 'aaakoa', 'Aanaca', 'taucoa'].map((steps) => ({
    steps,
    segmentBytes: SMALL,
    sectorBytes: 8,
    compress: true as const,
  })),
  // Of three appends at once the second is made ready while the first is synced.
  ...['t', 'tkoa', 'ttc', 'tauoa', 'tnt'].map((steps) => ({ steps, segmentBytes: LARGE, sectorBytes: 8, groupBytes: 100 })),
  ...['tttc', 'ttkoa'].map((steps) => ({ steps, segmentBytes: SMALL, sectorBytes: 8, groupBytes: 100 })),
]

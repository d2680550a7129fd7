/** Every fault that torture has found in the storage floor, as the smallest story that shows it. They stay for ever. */
import type { Story } from './floor/story.js'

const segment = /\.seg\.[0-9a-f]+\.tmp$/

export const cases: Record<string, Story> = {
  'a first open that could not sync the name of the directory, then a loss of power': {
    lives: [
      { steps: '', faults: [{ code: 'EIO', at: 1, calls: ['syncDir'] }], end: 'kill' },
      { steps: 'a', end: 'power' },
    ],
  },
  'a segment that was linked by a writer who died before it synced the directory, and built upon by the next': {
    disk: { names: 'posix' },
    lives: [
      { steps: '', faults: [{ code: 'death', at: 1, calls: ['unlink'], path: segment }], end: 'kill' },
      { steps: '', faults: [{ code: 'death', at: 1, calls: ['unlink'], path: segment }], end: 'power' },
    ],
  },
  'a snapshot that was vouched for in the last frame, then a loss of power': { lives: [{ steps: 'an', end: 'power' }] },
  'a head file that cannot be read': {
    lives: [
      { steps: 'ac', end: 'kill' },
      { steps: '', faults: [{ code: 'EIO', at: 1, calls: ['read'], path: /head$/ }], end: 'kill' },
    ],
  },
  'a lock file that cannot be closed': {
    lives: [
      { steps: 'ac', end: 'kill' },
      { steps: '', faults: [{ code: 'EIO', at: 1, calls: ['close'], path: /LOCK$/ }], end: 'kill' },
    ],
  },
  'segments of which one cannot be closed': {
    segmentBytes: 700,
    lives: [
      { steps: 'aaaaaak', end: 'kill' },
      { steps: '', faults: [{ code: 'EIO', at: 1, calls: ['close'], path: /\.seg$/ }], end: 'kill' },
      { steps: 'ac', faults: [{ code: 'EIO', at: 3, calls: ['close'], path: /\.seg$/ }], end: 'kill' },
    ],
  },
  'a segment whose size cannot be asked for when it is opened to write': {
    lives: [{ steps: '', faults: [{ code: 'EIO', at: 1, calls: ['size'] }], end: 'kill' }],
  },
  'an open that fails while the index of the segment before is being written': {
    lives: [
      { steps: 'a', end: 'kill' },
      { steps: '', faults: [{ code: 'EIO', at: 2, calls: ['write'], path: /head$/ }], end: 'kill' },
    ],
  },
}

/** F, G, H, J, K: what needs a real kernel. Each runs in a room of its own; see ../real/room.ts. */
import type { Campaign, Layer, Outcome } from '../layer.js'
import { missing, type Need } from '../real/machine.js'
import { inRoom } from '../real/room.js'

/** What mounting needs. */
const MOUNTS: readonly Need[] = ['linux', 'root', 'namespaces', 'loop', 'gcc']

export const kernelLayers: readonly Layer[] = [
  layer('F', 'a runtime that is killed, with a follower', 'kills', 'killed', []),
  layer('G-ext4', 'power cuts of ext4', 'power cuts', 'power-cuts', [...MOUNTS, 'ext4'], 'ext4'),
  layer('G-xfs', 'power cuts of XFS', 'power cuts', 'power-cuts', [...MOUNTS, 'xfs'], 'xfs'),
  layer('H-ext4', 'block-level log and replay under ext4', 'crash images', 'crash-images', [...MOUNTS, 'fuse', 'ext4'], 'ext4'),
  layer('H-xfs', 'block-level log and replay under XFS', 'crash images', 'crash-images', [...MOUNTS, 'fuse', 'xfs'], 'xfs'),
  layer('H-btrfs', 'block-level log and replay under btrfs', 'crash images', 'crash-images', [...MOUNTS, 'fuse', 'btrfs'], 'btrfs'),
  layer('J-ext4', 'a disk that fails under ext4', 'failures', 'failing-disk', [...MOUNTS, 'fuse', 'ext4'], 'ext4'),
  layer('J-xfs', 'a disk that fails under XFS', 'failures', 'failing-disk', [...MOUNTS, 'fuse', 'xfs'], 'xfs'),
  layer('J-btrfs', 'a disk that fails under btrfs', 'failures', 'failing-disk', [...MOUNTS, 'fuse', 'btrfs'], 'btrfs'),
  layer('J-calls', 'system calls that fail in a real process', 'failures', 'failing-calls', ['linux', 'gcc']),
  layer('K-ext4', 'an ext4 that is full again and again', 'fillings', 'disk-full', [...MOUNTS, 'ext4'], 'ext4'),
  layer('K-tmpfs', 'a tmpfs that is full again and again', 'fillings', 'disk-full', ['linux', 'root', 'namespaces'], 'tmpfs'),
  layer('R-ext4', 'the simulated disk against ext4', 'crash images', 'fidelity', [...MOUNTS, 'fuse', 'ext4'], 'ext4'),
  layer('R-xfs', 'the simulated disk against XFS', 'crash images', 'fidelity', [...MOUNTS, 'fuse', 'xfs'], 'xfs'),
  layer('R-btrfs', 'the simulated disk against btrfs', 'crash images', 'fidelity', [...MOUNTS, 'fuse', 'btrfs'], 'btrfs'),
  layer('S', 'syncs for each group, counted by the kernel', 'counts', 'sync-count', ['linux', 'strace']),
]

function layer(letter: string, name: string, unit: string, kind: string, needs: readonly Need[], on?: string): Layer {
  return {
    letter,
    name,
    unit,
    missing: async () => {
      const lacking = missing(needs)
      return lacking === undefined ? [] : [lacking]
    },
    run: (campaign) => run(campaign, kind, on),
  }
}

/** A case is a number of rounds: what is drawn depends on the rounds before, so that a failure is met again by going there. */
async function run({ seed, only, over, progress }: Campaign, kind: string, on: string | undefined): Promise<Outcome> {
  const { rounds, counts, faults } = await inRoom({ layer: kind, seed, on }, (done) => {
    progress(done)
    return only === undefined ? over(done) : done >= Number(only)
  })
  return { done: rounds, counts, failures: faults.slice(0, 5).map((what) => ({ case: String(rounds), what })) }
}

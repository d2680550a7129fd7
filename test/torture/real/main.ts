/** Inside the room: `main.js <order>`. */
import { say } from './asking.js'
import { crashImages } from './crash-images.js'
import { diskFull } from './disk-full.js'
import { failingCalls } from './failing-calls.js'
import { failingDisk } from './failing-disk.js'
import { fidelity } from './fidelity.js'
import type { Inside } from './inside.js'
import { killed } from './killed.js'
import { powerCuts } from './power-cuts.js'
import { random } from './random.js'
import type { Found, Order } from './room.js'
import { syncCount } from './sync-count.js'

const layers: Record<string, (inside: Inside) => Promise<Found>> = {
  killed,
  'power-cuts': powerCuts,
  'crash-images': crashImages,
  'failing-disk': failingDisk,
  'failing-calls': failingCalls,
  'disk-full': diskFull,
  'sync-count': syncCount,
  fidelity,
}

const order = JSON.parse(process.argv[2] ?? '{}') as Order
const layer = layers[order.layer]
if (layer === undefined) throw new TypeError(`there is no layer ${order.layer}`)
say({ found: await layer({ ...order, programs: process.cwd(), chance: random(order.seed) }) })
process.exit(0)

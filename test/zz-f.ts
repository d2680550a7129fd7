import { bugs, Copy, finderOf } from './planted/planted.js'
const only = process.argv.slice(2)
const all = bugs().filter((b) => only.length === 0 || only.includes(b.name))
await Promise.all(
  [0, 1].map(async (k) => {
    for (const [i, b] of all.entries()) {
      if (i % 2 !== k) continue
      const c = new Copy()
      const s = performance.now()
      try {
        await c.plant(b)
        const r = await c.find([finderOf[b.name]!])
        console.log(b.name, (performance.now() - s).toFixed(0), 'ms', r?.slice(0, 160) ?? '**** NOT FOUND ****')
      } catch (e) {
        console.log(b.name, e)
      }
      c.remove()
    }
  }),
)

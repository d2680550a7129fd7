/** turnlog's own events and every step to them, for `npm run freeze`. */
export { events } from '../../src/index.js'
export { upcasters } from '../../upcasters/index.js'

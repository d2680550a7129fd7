/** Layer B, a share of it. */
import { share } from './share.js'
import { randomLives } from './layers/random-lives.js'

share('lives of the storage floor that end anywhere, with errors on the way, break no promise', randomLives, 10_000)

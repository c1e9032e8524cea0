// Of several runs of npm http-cache-tests, how many tests of each kind passed in at least one: `node together.mjs PACKAGE_FOLDER RESULTS.json…`.

import { judged, print } from './scores.mjs'

const [folder, ...runs] = process.argv.slice(2)
const all = await Promise.all(runs.map(results => judged(folder, results)))
print(all[0].map((test, at) => ({ ...test, passed: all.some(tests => tests[at].passed) })))

// Scores a run of npm http-cache-tests: `node score.mjs PACKAGE_FOLDER RESULTS.json [EXPECTED.json]`. Prints a line a failed test and the
// number of passes of each kind, over the tests that mean a proxy. With EXPECTED (a list of tests that may fail) it ends with 0 only when no other
// required or optimal test failed and none of the list passed.

import { readFileSync } from 'node:fs'
import { judged, print } from './scores.mjs'

const [folder, results, expected] = process.argv.slice(2)
const tests = await judged(folder, results)
const failed = tests.filter(test => !test.passed)
for (const { kind, group, id, outcome } of failed) {
  console.log(`${kind === 'check' ? 'no  ' : 'FAIL'} ${kind} ${group} ${id}: ${JSON.stringify(outcome)}`)
}
print(tests)

if (expected) {
  const allowed = JSON.parse(readFileSync(expected, 'utf8'))
  const missed = failed.filter(test => test.kind !== 'check').map(test => test.id)
  const surprises = missed.filter(id => !(id in allowed))
  const mended = Object.keys(allowed).filter(id => !missed.includes(id))
  for (const id of surprises) console.log(`unexpected: ${id} failed`)
  for (const id of mended) console.log(`unexpected: ${id} passed; take it from the list`)
  process.exit(surprises.length + mended.length === 0 ? 0 : 1)
}

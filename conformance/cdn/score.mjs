// Scores a run of npm http-cache-tests: `node score.mjs PACKAGE_FOLDER RESULTS.json [EXPECTED.json]`. Prints a line a failed test and the
// number of passes of each kind, over the tests that mean a proxy. With EXPECTED (a list of tests that may fail) it ends with 0 only when no other
// required or optimal test failed and none of the list passed.

import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { join, resolve } from 'node:path'

const [folder, results, expected] = process.argv.slice(2)
const load = path => import(pathToFileURL(resolve(join(folder, path))))
const groups = (await load('tests/index.mjs')).default
const { determineTestResult } = await load('lib/display.mjs')
const outcome = JSON.parse(readFileSync(results, 'utf8'))

const scores = {}
const failed = []
for (const group of groups) {
  for (const test of group.tests.filter(test => !test.browser_only)) {
    const kind = test.kind || 'required'
    const symbol = determineTestResult(groups, test.id, outcome)[2]
    const passed = symbol === '✅' || symbol === 'Y'
    scores[kind] = scores[kind] || { passed: 0, of: 0 }
    scores[kind].of += 1
    scores[kind].passed += passed ? 1 : 0
    if (!passed) {
      failed.push({ id: test.id, kind })
      console.log(`${kind === 'check' ? 'no  ' : 'FAIL'} ${kind} ${group.id} ${test.id}: ${JSON.stringify(outcome[test.id])}`)
    }
  }
}
for (const [kind, { passed, of }] of Object.entries(scores)) console.log(`${kind}: ${passed} of ${of}`)

if (expected) {
  const allowed = JSON.parse(readFileSync(expected, 'utf8'))
  const missed = failed.filter(test => test.kind !== 'check').map(test => test.id)
  const surprises = missed.filter(id => !(id in allowed))
  const mended = Object.keys(allowed).filter(id => !missed.includes(id))
  for (const id of surprises) console.log(`unexpected: ${id} failed`)
  for (const id of mended) console.log(`unexpected: ${id} passed; take it from the list`)
  process.exit(surprises.length + mended.length === 0 ? 0 : 1)
}

// What a run of npm http-cache-tests says of each test that means a proxy.

import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { join, resolve } from 'node:path'

// The tests of the suite in `folder` with `kind`, `group`, `outcome` and whether the run in the file `results` `passed` them.
export async function judged (folder, results) {
  const load = path => import(pathToFileURL(resolve(join(folder, path))))
  const groups = (await load('tests/index.mjs')).default
  const { determineTestResult } = await load('lib/display.mjs')
  const outcomes = JSON.parse(readFileSync(results, 'utf8'))
  const tests = groups.flatMap(group => group.tests.map(test => ({ group: group.id, ...test })))
  return tests.filter(test => !test.browser_only).map(({ id, group, kind = 'required' }) => {
    const symbol = determineTestResult(groups, id, outcomes)[2]
    return { id, group, kind, outcome: outcomes[id], passed: symbol === '✅' || symbol === 'Y' }
  })
}

// Prints how many of each kind passed.
export function print (tests) {
  for (const kind of new Set(tests.map(test => test.kind))) {
    const all = tests.filter(test => test.kind === kind)
    console.log(`${kind}: ${all.filter(test => test.passed).length} of ${all.length}`)
  }
}

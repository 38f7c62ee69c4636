/** Jest's summary, then one plain line that machines and people can both read, and nothing after it. */
module.exports = class {
  onRunComplete(_contexts, { numPassedTests, numFailedTests, numRuntimeErrorTestSuites }) {
    const failed = numFailedTests + numRuntimeErrorTestSuites
    // Jest prints its summary after all reporters were told; the end of the process comes after that.
    process.once('exit', () => process.stdout.write(`\n${numPassedTests} passed, ${failed} failed\n`))
  }
}

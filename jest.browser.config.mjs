import base from './jest.config.mjs'

/** The page in a real browser (system Chromium through playwright-core), against a real server. Needs `npm run build` first. */
export default {
  ...base,
  testMatch: ['<rootDir>/test/browser/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  testTimeout: 240_000,
  maxWorkers: 1,
}

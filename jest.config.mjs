/** One configuration for the laws in test/. Sources are TypeScript with `.ts` imports; swc strips the types. */
export default {
  testEnvironment: './test/environment.cjs',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/browser/'],
  transform: {
    '^.+\\.[mc]?[jt]s$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  // These packages are published as ES modules only.
  transformIgnorePatterns: ['/node_modules/(?!(@dicebear|@bufbuild)/)'],
  // See test/environment.cjs.
  moduleNameMapper: { '^@tensorflow/(tfjs-core|tfjs-backend-cpu)$': '<rootDir>/test/outside/$1.cjs' },
  // A look at a global costs much inside Jest's vm context, and numeric loops look at Math all the time.
  sandboxInjectedGlobals: ['Math', 'Number'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  testTimeout: 60_000,
  reporters: ['default', './test/reporter.cjs'],
}

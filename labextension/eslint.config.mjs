import js from '@eslint/js';
import ts from 'typescript-eslint';

export default ts.config({ ignores: ['lib', 'node_modules'] }, js.configs.recommended, ...ts.configs.strict, {
  files: ['**/*.ts', '**/*.tsx'],
  rules: {
    eqeqeq: 'error',
    'no-restricted-properties': [
      'error',
      { property: 'innerHTML', message: 'Text is text: no HTML of others.' }
    ],
    '@typescript-eslint/no-non-null-assertion': 'error'
  }
});

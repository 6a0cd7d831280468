/** Signing in to Azure: what a person has to do, and how far that has come. */

import type { JSX } from 'preact';
import { absolute } from '../format';
import type { SignInModel } from '../model/signin';
import { Fault } from './basics';
import { t } from './text';

/** What a person does to sign in, and how far that has come. */
export function SignIn({
  model,
  copy,
  back
}: {
  model: SignInModel;
  copy: (text: string) => void;
  back: () => void;
}): JSX.Element {
  const { state } = model;
  const failed = model.error ?? (state?.state === 'failed' ? new Error(state.message) : undefined);
  return (
    <>
      <div class="jp-AmlLab-signin" role="status">
        {model.waiting &&
          (state?.code ? <Code model={model} copy={copy} /> : <p>{waited(state?.way ?? '')}</p>)}
        {!state && !failed && <p>{t('Asking Azure…')}</p>}
        {state?.state === 'none' && !failed && <p>{t('Nobody is signing in.')}</p>}
        {state?.state === 'done' && (
          <div class="jp-AmlLab-success">
            <p>{t('✓ Signed in: the panel shows the workspace.')}</p>
            {state.message && <p class="jp-AmlLab-soft">{state.message}</p>}
          </div>
        )}
      </div>
      {failed && <Fault error={failed} retry={() => void model.begin()} />}
      <div class="jp-AmlLab-actions">
        {state?.state === 'none' && !failed && (
          <button type="button" class="jp-AmlLab-button jp-AmlLab-main" onClick={() => void model.begin()}>
            {t('Sign in')}
          </button>
        )}
        {model.waiting && (
          <button type="button" class="jp-AmlLab-button" onClick={() => void model.cancel()}>
            {t('Cancel')}
          </button>
        )}
        {!model.waiting && (
          <button type="button" class="jp-AmlLab-button" onClick={back}>
            {failed ? t('Back to the form') : t('Connect to another workspace')}
          </button>
        )}
      </div>
    </>
  );
}

function waited(way: string): string {
  if (way === 'browser') return t('A window of your browser has been opened: sign in there.');
  return t('Asking Azure…');
}

function Code({ model, copy }: { model: SignInModel; copy: (text: string) => void }): JSX.Element {
  const { url, code, expires } = model.state ?? { url: '', code: '', expires: '' };
  return (
    <ol>
      <li>
        {t('Open')}{' '}
        {url.startsWith('https://') ? (
          <a href={url} target="_blank" rel="noopener noreferrer">
            {url}
          </a>
        ) : (
          url
        )}
      </li>
      <li>
        {t('Type the code')} <code class="jp-AmlLab-onetime">{code}</code>{' '}
        <button type="button" class="jp-AmlLab-button" onClick={() => copy(code)}>
          {t('Copy')}
        </button>
      </li>
      <li>
        {t('Agree there; this page goes on by itself.')}
        {expires && <span class="jp-AmlLab-soft"> {t('The code expires at %1.', absolute(expires))}</span>}
      </li>
    </ol>
  );
}

/** A refusal of Azure, with a way to sign in where nobody has. */
export function AzureFault({
  error,
  retry,
  signIn
}: {
  error: Error;
  retry: () => void;
  signIn?: () => void;
}): JSX.Element {
  if (!signIn || (error as { status?: number }).status !== 401) return <Fault error={error} retry={retry} />;
  return (
    <div class="jp-AmlLab-fault" role="alert">
      <p>{error.message}</p>
      <button type="button" class="jp-AmlLab-button jp-AmlLab-main" onClick={signIn}>
        {t('Sign in')}
      </button>
    </div>
  );
}

import createClient from 'openapi-fetch';
import { useMemo } from 'react';
import { useConfig } from '../app/ConfigContext';
import { fieldMessage, problemSentence } from './plain';
import type { components, paths } from './schema';

export type { paths };

export type Schemas = components['schemas'];

let token = '';
export const useToken = (idToken: string | undefined) => {
  token = idToken ?? '';
};

/** An answer that is no success, as the API told it. */
export class FailedRequest extends Error {
  constructor(readonly problem: Schemas['Problem']) {
    super(problem.detail);
  }
}

export const sentence = (error: unknown) =>
  error instanceof FailedRequest ? problemSentence(error.problem) : 'The service can’t be reached. Check your connection and try again.';

/** What an answer says is wrong with a field or a part of it; undefined where it says nothing of it. */
export function fieldError(error: unknown, field: string): string | undefined {
  const found = error instanceof FailedRequest && error.problem.errors.find(each => each.field === field || each.field.startsWith(`${field}.`));
  return found ? fieldMessage(found) : undefined;
}

export const isStatus = (error: unknown, status: number) => error instanceof FailedRequest && error.problem.status === status;

export function useApi() {
  const { apiUrl } = useConfig();
  return useMemo(() => {
    const client = createClient<paths>({ baseUrl: apiUrl });
    client.use({
      onRequest: ({ request }) => {
        request.headers.set('Authorization', `Bearer ${token}`);
        return request;
      },
      onResponse: async ({ response }) => {
        if (response.ok) return;
        if (response.status === 401) throw new FailedRequest(told(401, 'Your sign-in has ended. Load the page again to sign in.'));
        const body = (await response.json().catch(() => null)) as Partial<Schemas['Problem']> | null;
        const problem = { ...told(response.status, 'Something went wrong on our side. Try again in a minute.'), ...body };
        throw new FailedRequest({ ...problem, requestId: problem.requestId || response.headers.get('x-amzn-requestid') || '' });
      },
    });
    return client;
  }, [apiUrl]);
}

export type Api = ReturnType<typeof useApi>;

const told = (status: number, detail: string): Schemas['Problem'] => ({
  type: 'about:blank', title: 'Failed', status, detail, errors: [], requestId: '', syncId: null,
});

/** The data of an answer; a failed one has been thrown by then. */
export async function data<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}

type Page = { items: unknown[]; nextCursor?: string | null };

/** A list to its end, asked for by pages of 1,000: what is shown as the whole is never its first page. */
export async function whole<P extends Page>(ask: (query: { limit: number; cursor: string }) => Promise<{ data?: P }>): Promise<P> {
  const first = await data(ask({ limit: 1000, cursor: '' }));
  const items = [...first.items];
  for (let next = first.nextCursor; next;) {
    const page = await data(ask({ limit: 1000, cursor: next }));
    items.push(...page.items);
    next = page.nextCursor;
  }
  return { ...first, items, nextCursor: null };
}

/** For `useInfiniteQuery`: page after page, each by the cursor that the one before gave. */
export const BY_CURSOR = {
  initialPageParam: '',
  getNextPageParam: (last: { nextCursor?: string | null }) => last.nextCursor ?? undefined,
};

/** Send a file by its presigned form, straight to the bucket, and say how far it is (0 to 100). */
export function send(form: Schemas['Upload'], file: File, onProgress: (percent: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    Object.entries(form.fields).forEach(([name, value]) => body.append(name, value));
    body.append('file', file);
    request.upload.onprogress = event => onProgress(Math.round((100 * event.loaded) / event.total));
    request.onload = () => (request.status < 300 ? resolve() : reject(new FailedRequest(told(request.status, 'The file was not accepted. Choose it again, then start again.'))));
    request.onerror = () => reject(new Error('upload'));
    request.open('POST', form.url);
    request.send(body);
  });
}

// The small pure parts of the room: versions, poms, probes, process identities, locks.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { installKafka } from './install.ts';
import { withInstallLock } from './install-lock.ts';
import { findJava, findMaven, parseJavaVersion } from './java-tools.ts';
import { renderPom } from './kafka-pom.ts';
import { findFreePort, isPortFree } from './ports.ts';
import { metadataRequest, parseBrokerIds } from './probe.ts';
import { isSameProcess, processIdentity } from './process-identity.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lockstep-room-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('Java and Maven', () => {
  test.each([
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['java version "1.8.0_392"', 8],
    ['openjdk version "25-ea" 2025-09-16', 25],
    ['bash: java: command not found', null],
  ])('the version in %j is %s', (printed, version) => expect(parseJavaVersion(printed)).toBe(version));

  test('a missing Java is named together with the way to get one', () => {
    expect(() => findJava({ PATH: folder })).toThrow(
      expect.objectContaining({
        code: 'TOOL_MISSING',
        message: expect.stringMatching(/Java 17 or newer.*PATH.*apt-get/),
      }),
    );
  });

  test('an old Java is named with its version and place', async () => {
    const java = path.join(folder, 'bin', 'java');
    await mkdir(path.dirname(java), { recursive: true });
    await writeFile(java, '#!/bin/sh\necho \'openjdk version "11.0.2"\' >&2\n', { mode: 0o755 });
    expect(() => findJava({ PATH: '/usr/bin:/bin', JAVA_HOME: folder })).toThrow(
      /found Java 11 in JAVA_HOME/,
    );
  });

  test('a missing Maven is named together with the way to get one', () => {
    expect(() => findMaven({ PATH: folder })).toThrow(
      expect.objectContaining({
        code: 'TOOL_MISSING',
        message: expect.stringMatching(/Maven.*apt-get install maven/),
      }),
    );
  });
});

describe('installation', () => {
  test('each Kafka gets the logging its version was built for', () => {
    expect(renderPom('4.3.1')).toContain('<artifactId>log4j-slf4j-impl</artifactId>');
    expect(renderPom('3.9.2')).toContain('<artifactId>slf4j-reload4j</artifactId>');
  });

  test.each(['4', '4.3', '../4.3.1', ''])(
    '%j is refused as a version before anything is touched',
    async (version) => {
      await expect(installKafka({ version, directory: folder })).rejects.toMatchObject({ code: 'USAGE' });
    },
  );

  test('an installation whose jars differ from its marker is not taken for whole', async () => {
    const lib = path.join(folder, '9.9.9', 'lib');
    await mkdir(lib, { recursive: true });
    await writeFile(path.join(lib, 'a.jar'), 'short');
    await writeFile(path.join(folder, '9.9.9', 'installed.json'), '{"version":"9.9.9","jars":{"a.jar":6}}');
    const before = process.env.PATH;
    // With java on the path but no mvn, a whole installation would be returned and this one must be fetched.
    const java = path.join(folder, 'java');
    await writeFile(java, '#!/bin/sh\necho \'version "17"\' >&2\n', { mode: 0o755 });
    process.env.PATH = folder;
    try {
      await expect(installKafka({ version: '9.9.9', directory: folder })).rejects.toMatchObject({
        code: 'TOOL_MISSING',
        detail: { tool: 'mvn' },
      });
    } finally {
      process.env.PATH = before;
    }
  });
});

describe('install lock', () => {
  test('work under one lock never overlaps', async () => {
    const file = path.join(folder, 'x.lock');
    let inside = 0;
    let waits = 0;
    const seen: number[] = [];
    const work = async () => {
      inside++;
      seen.push(inside);
      await new Promise((resolve) => setTimeout(resolve, 20));
      inside--;
    };
    await Promise.all([1, 2, 3].map(() => withInstallLock(file, work, () => waits++)));
    expect(seen).toEqual([1, 1, 1]);
    expect(waits).toBeGreaterThan(0);
  });

  test('the lock of a process that died is taken over', async () => {
    const file = path.join(folder, 'x.lock');
    await writeFile(file, JSON.stringify({ pid: process.pid, startTime: 'another life' }));
    expect(
      await withInstallLock(
        file,
        async () => 'done',
        () => {},
      ),
    ).toBe('done');
  });

  test('the lock is given back when the work throws', async () => {
    const file = path.join(folder, 'x.lock');
    const work = () => Promise.reject(new Error('no'));
    await expect(withInstallLock(file, work, () => {})).rejects.toThrow('no');
    await expect(readFile(file)).rejects.toThrow('ENOENT');
  });
});

describe('process identity', () => {
  test('this process is itself, and not a former owner of its id', () => {
    const self = processIdentity(process.pid);
    expect(self).not.toBeNull();
    expect(isSameProcess(self!)).toBe(true);
    expect(isSameProcess({ pid: process.pid, startTime: '1' })).toBe(false);
  });

  test('an ended process has no identity', async () => {
    const child = spawn('true');
    await new Promise((resolve) => child.once('exit', resolve));
    expect(processIdentity(child.pid!)).toBeNull();
  });
});

describe('ports', () => {
  test('free ports lie below the range lent to outgoing connections and differ', async () => {
    const ports = await Promise.all(Array.from({ length: 20 }, () => findFreePort()));
    expect(new Set(ports).size).toBe(20);
    expect(Math.max(...ports)).toBeLessThan(32_768);
  });

  test('a port that somebody listens on is not free', async () => {
    const port = await findFreePort();
    const server = createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    expect(await isPortFree(port)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
    expect(await isPortFree(port)).toBe(true);
  });
});

describe('metadata probe', () => {
  test('the request is the bytes that Kafka documents for Metadata v4', () => {
    expect(metadataRequest().toString('hex')).toBe(
      // length, api 3, version 4, correlation 1, client id, no topics, no creation
      [
        '0000001f',
        '0003',
        '0004',
        '00000001',
        '0010',
        Buffer.from('lockstep-regions').toString('hex'),
        '00000000',
        '00',
      ].join(''),
    );
  });

  test('broker ids are read from an answer, and a truncated one is no answer', () => {
    const answer = Buffer.concat([
      Buffer.from('0000000100000000' + '00000002', 'hex'),
      Buffer.from(`00000001${'0001'}61${'00002383'}ffff`, 'hex'),
      Buffer.from(`00000007${'0001'}62${'00002384'}${'0001'}72`, 'hex'),
    ]);
    expect(parseBrokerIds(answer)).toEqual([1, 7]);
    for (let size = 0; size < answer.length - 1; size++) {
      const ids = parseBrokerIds(answer.subarray(0, size));
      expect(ids === null || ids.length <= 2).toBe(true);
    }
    expect(parseBrokerIds(Buffer.from('0000000100000000' + '7fffffff', 'hex'))).toBeNull();
  });
});

import { copyFileSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { addon, hasMpi, Job } from './world_job.js'

/** What a launcher may have left in the environment of the tests. */
const nothing = { OMPI_COMM_WORLD_SIZE: undefined, PMI_SIZE: undefined, PMI_RANK: undefined, PMIX_RANK: undefined }
const noLauncher = { ...nothing, SLURM_STEP_NUM_TASKS: undefined, SLURM_PROCID: undefined }

test.serial('a process that nobody has started as one of several is a world of its own', async (t) => {
  for (const env of [
    noLauncher,
    { ...noLauncher, OMPI_COMM_WORLD_SIZE: '1' },
    { ...noLauncher, PMI_SIZE: '1', PMI_RANK: '0' },
  ]) {
    const job = Job.single(t, 'collectives', env)
    const { printed } = await job.ended
    const { size, wrong, texts, text, members, left, status } = job.noted(0)
    t.deepEqual(
      { size, wrong, texts, text, left, status },
      { size: 1, wrong: [], texts: [''], text: 'aé✓', left: true, status: 0 },
    )
    t.is(members?.[0]?.host, hostname())
    t.is(printed, '')
  }
})

test.serial('one of several says what is missing where the build has no MPI', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'aot-no-mpi-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const alone = join(folder, 'aot.node')
  copyFileSync(addon, alone)
  const cases: [env: NodeJS.ProcessEnv, who: string][] = [
    [{ OMPI_COMM_WORLD_SIZE: '2' }, 'one of 2 processes that mpirun has started'],
    [{ PMI_RANK: '0', PMI_SIZE: '3' }, 'one of 3 processes that mpirun has started'],
    [{ PMI_RANK: '0', PMI_SIZE: '3', SLURM_PROCID: '0' }, 'one of 3 processes that srun has started'],
    [{ PMIX_RANK: '0', SLURM_STEP_NUM_TASKS: '4', SLURM_PROCID: '0' }, 'one of 4 processes that srun has started'],
    [{ SLURM_STEP_NUM_TASKS: '4', SLURM_PROCID: '0' }, 'one of 4 processes that srun has started'],
    [{ PMIX_RANK: '0' }, 'one of several processes that a launcher of MPI has started'],
  ]
  for (const [env, who] of cases) {
    const { status, printed } = await Job.single(t, 'collectives', { ...noLauncher, AOT_ADDON: alone, ...env }).ended
    t.is(status, 1)
    const cure = 'install libopenmpi-dev and run bin/setup again'
    t.is(printed, `AOT_DEVICE: this is ${who}, but this build has no MPI (${folder}/aot_mpi.so): ${cure}\n`)
  }
})

/** All but `without` have ended by themselves with this line. */
function endedWith(t: ExecutionContext, job: Job, message: string, without?: number): void {
  for (const rank of job.ranks) {
    if (rank === without) continue
    const noted = job.noted(rank)
    t.is(noted.message, message, `of process ${rank}`)
    t.is(noted.code, 'AOT_DEVICE')
    t.is(noted.status, 1)
  }
}

const named = (job: Job, rank: number) => `process ${rank} (cpu, ${hostname()}, pid ${job.noted(rank).process})`

if (hasMpi) {
  for (const size of [2, 4]) {
    test.serial(
      `every collective of ${size} processes gives what a plain computation gives, the same in each run`,
      async (t) => {
        const digests = new Set<string | undefined>()
        for (let run = 0; run < (size === 2 ? 2 : 1); run++) {
          const job = Job.mpirun(t, size, 'collectives')
          const { status, printed } = await job.ended
          t.is(status, 0, printed)
          for (const rank of job.ranks) {
            const noted = job.noted(rank)
            t.deepEqual(noted.wrong, [], `of process ${rank}`)
            t.is(noted.rank, rank)
            t.is(noted.text, 'aé✓')
            t.deepEqual(
              noted.texts,
              job.ranks.map((other) => 'x'.repeat(other * 3)),
            )
            t.deepEqual(
              noted.members?.map((member) => member.process),
              job.ranks.map((other) => job.noted(other).process),
            )
            t.is(noted.status, 0)
            digests.add(noted.digest)
          }
        }
        t.is(digests.size, 1)
      },
    )
  }

  test.serial('channels are used by several threads at the same time', async (t) => {
    const job = Job.mpirun(t, 3, 'channels')
    const { status, printed } = await job.ended
    t.is(status, 0, printed)
    for (const rank of job.ranks) {
      t.deepEqual(job.noted(rank).wrong, [])
      t.deepEqual(
        job.noted(rank).texts,
        Array.from({ length: 20 }, (_, i) => `${i}`),
      )
    }
  })

  // Its silence would be noticed much later.
  for (const [killed, flags] of [
    [0, Job.alone],
    [1, Job.alone],
    [2, Job.alone],
    [1, [...Job.alone, '--mca', 'btl', 'tcp,self']], // as between machines
  ] as const) {
    test.serial(
      `the others end when process ${killed} is killed amid collectives (${flags.slice(1).join(' ')})`,
      async (t) => {
        const job = Job.mpirun(t, 3, 'endless', { silenceSeconds: 100, stallSeconds: 20 }, [...flags])
        await job.running()
        await sleep(Math.random() * 300)
        job.signal('SIGKILL', killed)
        await job.ended
        endedWith(t, job, `${named(job, killed)} died`, killed)
      },
    )
  }

  test.serial('mpirun itself, left as it is, ends the job too', async (t) => {
    const job = Job.mpirun(t, 2, 'endless', { silenceSeconds: 100 }, [])
    await job.running()
    job.signal('SIGKILL', 1)
    t.not((await job.ended).status, 0)
    t.is(job.noted(0).left, undefined)
  })

  for (const stopped of [0, 1]) {
    test.serial(`process ${stopped} is given up when it is stopped, and finds out when it goes on`, async (t) => {
      const job = Job.mpirun(t, 3, 'endless', { silenceSeconds: 2 })
      await job.running()
      job.signal('SIGSTOP', stopped)
      await job.until(() => job.ranks.every((rank) => rank === stopped || job.noted(rank).status !== undefined))
      const line = `${named(job, stopped)} has given no sign of life for 2 seconds`
      endedWith(t, job, line, stopped)
      t.is(job.noted(stopped).message, undefined)
      job.signal('SIGCONT', stopped)
      await job.ended
      endedWith(t, job, line)
    })
  }

  test.serial('a job that is stopped as a whole goes on', async (t) => {
    const job = Job.mpirun(t, 3, 'endless', { silenceSeconds: 2 })
    await job.running()
    job.signal('SIGSTOP')
    await sleep(3000)
    job.signal('SIGCONT')
    await sleep(1000)
    t.true(job.ranks.every((rank) => job.noted(rank).message === undefined))
    job.signal('SIGKILL', 2)
    await job.ended
    endedWith(t, job, `${named(job, 2)} died`, 2)
  })

  for (const who of [0, 2]) {
    test.serial(`a failure of process ${who} reaches all, in one line`, async (t) => {
      const job = Job.mpirun(t, 3, 'fail', { who })
      await job.ended
      endedWith(t, job, `process ${who} (cpu on ${hostname()}) stopped: the disk is full really`)
    })

    for (const [how, status] of [
      ['exit', 3],
      ['throw', 1],
    ] as const) {
      test.serial(`process ${who} may end amid what waits (${how})`, async (t) => {
        const job = Job.mpirun(t, 3, how, { who })
        await job.ended
        const line = `process ${who} (cpu on ${hostname()}) stopped: it has ended before its work was done`
        endedWith(t, job, line, who)
        t.is(job.noted(who).status, status)
      })
    }
  }

  for (const who of [0, 1]) {
    test.serial(`process ${who} is named when it lives but does not come`, async (t) => {
      const job = Job.mpirun(t, 3, 'late', { who, stallSeconds: 2 })
      await job.ended
      endedWith(t, job, `${named(job, who)} has not come to where the others wait for 2 seconds: it hangs`)
    })

    test.serial(`who is late to leave, process ${who}, is waited for`, async (t) => {
      const job = Job.mpirun(t, 3, 'leave', { who }, [])
      const { status, printed } = await job.ended
      t.is(status, 0, printed)
      t.true(job.ranks.every((rank) => job.noted(rank).left && job.noted(rank).status === 0))
    })
  }

  test.serial(
    'a process that dies before all have found each other does not make the others wait for ever',
    async (t) => {
      const job = Job.mpirun(t, 2, 'killed-early', { who: 1, stallSeconds: 3 })
      const { printed } = await job.ended
      t.regex(
        printed,
        /AOT_DEVICE: this is one of 2 processes that mpirun has started, but MPI has not found the others for 3 seconds: /,
      )
    },
  )

  test.serial('a launcher that this MPI does not know of is refused', async (t) => {
    const { status, printed } = await Job.single(t, 'leave', { ...noLauncher, SLURM_STEP_NUM_TASKS: '2' }).ended
    t.is(status, 1)
    t.regex(printed, /^AOT_DEVICE: .* one of 2 .* srun .* the MPI of this build sees 1: .* srun --mpi=pmix$/m)
  })

  /** The TCP ports on which a process listens. */
  const portsOf = (pid: number): number[] => {
    const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`)
      } catch {
        return '' // closed meanwhile
      }
    })
    const rows = ['tcp', 'tcp6'].flatMap((file) =>
      readFileSync(`/proc/${pid}/net/${file}`, 'utf8').split('\n').slice(1),
    )
    const listening = rows
      .map((row) => row.trim().split(/\s+/))
      .filter((row) => row[3] === '0A' && links.includes(`socket:[${row[9]}]`))
    return listening.map((row) => Number.parseInt((row[1] as string).split(':')[1] as string, 16))
  }

  test.serial('strangers that connect change nothing', async (t) => {
    const job = Job.mpirun(t, 2, 'endless', { silenceSeconds: 100 }, [...Job.alone, '--mca', 'btl', 'vader,self'])
    await job.running()
    const ports = portsOf(job.noted(0).process as number)
    t.true(ports.length > 0)
    const hello = Buffer.from([0, 33, 0, 0, 0, ...Buffer.from(`${'0'.repeat(32)}1`)])
    const died = Buffer.from([3, 3, 0, 0, 0, ...Buffer.from('bye')])
    for (const words of ['GET / HTTP/1.1\r\n\r\n', Buffer.concat([hello, died]), died, Buffer.alloc(5, 255), '']) {
      for (const port of ports) {
        const socket = connect(port, '127.0.0.1')
        await new Promise((resolve) => socket.once('connect', resolve))
        socket.on('error', () => {})
        socket.write(words)
        socket.end()
        await new Promise((resolve) => socket.once('close', resolve))
      }
    }
    t.true(job.ranks.every((rank) => job.noted(rank).message === undefined))
    job.signal('SIGKILL', 1)
    await job.ended
    endedWith(t, job, `${named(job, 1)} died`, 1)
  })
}

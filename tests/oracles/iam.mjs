// Reads one line of JSON for each case: {"document": POLICY, "action": ..., "resource": ..., "context": {KEY: [VALUE]}}.
// Writes one word for each: Allowed, ImplicitlyDenied, ExplicitlyDenied, or "error REASON" if it knows no such request.
import { createInterface } from 'node:readline'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const account = '123456789012'

for await (const line of createInterface({ input: process.stdin })) {
  const { document, action, resource, context } = JSON.parse(line)
  const answer = await runSimulation(
    {
      request: {
        action,
        resource: { resource, accountId: account },
        principal: `arn:aws:iam::${account}:role/pods`,
        contextVariables: context
      },
      identityPolicies: [{ name: 'role', policy: document }],
      serviceControlPolicies: [],
      resourceControlPolicies: []
    },
    {}
  )
  console.log(answer.resultType === 'single' ? answer.overallResult : `error ${JSON.stringify(answer.errors ?? answer.resultType)}`)
}

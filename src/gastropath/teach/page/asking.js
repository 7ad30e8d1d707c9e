// Questions to the server. What it answers in words is for the user.

export class Unanswered extends Error {}

async function asked(path, how) {
  let answer;
  try {
    answer = await fetch(path, how);
  } catch {
    throw new Unanswered("Nobody answers. Has the command ended? Start it again, and open the address that it prints.");
  }
  if (answer.ok) return answer;
  if (answer.status === 403) throw new Unanswered("The command was started anew. Open the address that it has printed.");
  const told = await answer.json().catch(() => ({}));
  throw new Error(told.error ?? `The server answers ${answer.status}.`);
}

export const askJson = async (path) => (await asked(path)).json();
export const askBytes = async (path) => (await asked(path)).arrayBuffer();
export const askPicture = async (path) => URL.createObjectURL(await (await asked(path)).blob());
export const sendJson = async (path, document) => (await asked(path, {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(document),
})).json();

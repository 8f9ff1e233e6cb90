// Moves the clock of the program that imports it by 45 seconds when it gets SIGUSR2.

const { now } = Date;
process.on("SIGUSR2", () => {
  Date.now = () => now() + 45_000;
});

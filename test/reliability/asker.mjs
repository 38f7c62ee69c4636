// Asks for one address with autocannon until its time is up or it is told to stop: from a process of its own, so that what is
// measured is the server.
import autocannon from 'autocannon'

process.once('message', options => {
  const asking = autocannon(options, (error, found) => {
    if (error) throw error
    process.send(found, () => process.disconnect())
  })
  process.once('message', () => asking.stop())
})
